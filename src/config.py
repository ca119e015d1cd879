"""The settings of emotune, for editing: the retrain (`python src/train_emotion_model.py`) uses what stands here.

`python run_hyperparameter_tuning.py --apply` writes the winner of a search into the constants of the network and
leaves your comments alone. A flag on the command line overrides a constant for that run. Paths are relative to
where a command is run, the project's root.
"""

# Data
DATA = "simulated"  # works without any file; or "manifest:PATH.csv" (your recordings) or "FILE.npz" (your vectors)
EMOTION_LABELS = {  # names of labels that your data has as numbers; the simulated people feel these
    0: "neutral",
    1: "happy",
    2: "sad",
    3: "angry",
    4: "fear",
}

# From recordings to vectors
CHANNELS = [  # DEAP's Geneva order; other caps are mapped onto these, missing electrodes are interpolated
    "Fp1", "AF3", "F3", "F7", "FC5", "FC1", "C3", "T7", "CP5", "CP1", "P3", "P7", "PO3", "O1", "Oz", "Pz",
    "Fp2", "AF4", "Fz", "F4", "F8", "FC6", "FC2", "Cz", "C4", "T8", "CP6", "CP2", "P4", "P8", "PO4", "O2",
]  # fmt: skip
BANDS_HZ = {  # half-open, so that no frequency counts twice; `alpha` must stay, the asymmetries need it
    "delta": (1.0, 4.0),
    "theta": (4.0, 8.0),
    "alpha": (8.0, 14.0),
    "beta": (14.0, 31.0),
    "gamma": (31.0, 45.0),  # ends below the mains hum of 50 and 60 Hz
}
WINDOW_S = 4.0  # four cycles of the slowest rhythm, 1 Hz; shorter windows cannot hold it
WINDOW_OVERLAP = 0.0  # windows that share samples are near-duplicates, more rows without more data
REFERENCE = "average"  # makes recordings with different reference electrodes alike; "none" leaves them as they are
N_STEPS = 1  # windows in a row that make one sample; above 1, convolution and LSTM run over time

# The network; the names in build_model of src/hyperparameter_tuner.py are the same in small letters
VECTOR_ENTRY = "electrodes"  # 32 electrodes x 5 bands: five times as fast as "sequence", the 167 values in a row
INPUT_DROPOUT = 0.1  # share of the features hidden at each step, so that no single electrode decides
CNN_FILTERS = [64]  # one number a convolution block; [] for none. KERNEL_SIZES … CNN_DROPOUTS are as long
KERNEL_SIZES = [3]  # neighbouring electrodes that a filter sees
POOLING = ["max"]  # "max" keeps the strongest answer, "average" the mean
POOL_SIZES = [2]  # how many steps become one
CNN_DROPOUTS = [0.2]  # behind each block
LSTM_UNITS = 0  # 0 for no LSTM, which trains several times as fast
LSTM_DROPOUT = 0.2  # in front of the LSTM
DENSE_UNITS = [128]  # one number a dense layer
DENSE_DROPOUTS = [0.3]  # behind each; with few people the best protection there is
L2 = 0.0001  # pulls all weights towards 0

# Training
LEARNING_RATE = 0.001  # the size of a step; change it with anything else and it wants tuning again
OPTIMIZER = "adam"  # "adam", "adamw" or "rmsprop"
WEIGHT_DECAY = 0.0001  # of "adamw": like L2, but the same for often and seldom used weights
BATCH_SIZE = 32  # samples a step; smaller is noisier, which often generalises better
LABEL_SMOOTHING = 0.0  # how far the target is from certainty; labels of emotions are none
CLASS_BALANCE = "weights"  # rare emotions count as much as frequent ones
EPOCHS = 50  # at most; PATIENCE ends most runs before
PATIENCE = 10  # epochs without improvement: validation scores are noisy with few people
METRIC = "balanced_accuracy"  # the mean over emotions, so that guessing the frequent one is not rewarded
SEED = 0  # of the split, the search and the training; another seed shows how much is luck

# Files
MODELS_DIR = "models"  # everything that is written goes here

# What your own build_model asks for beyond the constants above, by name, for example {"activation": "gelu"}
EXTRA_HYPERPARAMETERS = {}
