"""The settings of emotune, yours to edit: the retrain (`python src/train_emotion_model.py`) uses what stands here.

`python run_hyperparameter_tuning.py --apply` writes the winner of a search into the constants of the network and
leaves your comments alone. A flag on the command line goes before a constant.
"""

# Data
DATA = "simulated"  # works without any file; else "manifest:PATH.csv" (recordings), "FILE.npz" (vectors), "deap:FOLDER"
TARGET = ""  # of a set with ratings such as DEAP: "valence", "arousal >= 5"; empty takes the set's first
EMOTION_LABELS = {  # the names where the labels of your data are just these numbers; the simulated people feel these five
    0: "neutral",
    1: "happy",
    2: "sad",
    3: "angry",
    4: "fear",
}

# From recordings to vectors
CHANNELS = [  # DEAP's Geneva order; other caps are mapped onto these, and what a cap lacks is interpolated
    "Fp1", "AF3", "F3", "F7", "FC5", "FC1", "C3", "T7", "CP5", "CP1", "P3", "P7", "PO3", "O1", "Oz", "Pz",
    "Fp2", "AF4", "Fz", "F4", "F8", "FC6", "FC2", "Cz", "C4", "T8", "CP6", "CP2", "P4", "P8", "PO4", "O2",
]  # fmt: skip
BANDS_HZ = {  # half-open, so that no frequency counts twice; the asymmetries need one called alpha
    "delta": (1.0, 4.0),
    "theta": (4.0, 8.0),
    "alpha": (8.0, 14.0),
    "beta": (14.0, 31.0),
    "gamma": (31.0, 45.0),  # ends below the hum of the mains, 50 or 60 Hz
}
BAND_PASS_HZ = None  # the vector takes 1 to 45 Hz from the spectrum, so no filter is needed; (0.5, None) against drifts
NOTCH_HZ = None  # 50.0 or 60.0 takes the mains out, and their harmonics
RESAMPLE_HZ = None  # the vector is the same at any rate above 90 Hz
FILTER_PHASE = "causal"  # as a live stream can be filtered; "zero" does not delay, but looks ahead
BAD_CHANNELS = "keep"  # "interpolate" finds channels unlike their neighbours, over the whole recording
BLINKS = "keep"  # "ica" takes the components of blinks out
REJECT_UV = None  # 200.0 leaves out windows in which a channel spans more, from peak to peak
WINDOW_S = 4.0  # four cycles of the slowest rhythm, 1 Hz, which shorter windows cannot hold
WINDOW_OVERLAP = 0.0  # windows that share samples are more rows, but hardly more data
REFERENCE = "average"  # makes recordings with different reference electrodes alike; "none" leaves them so; "M1, M2" takes their mean
ESTIMATOR = "fft"  # each window by its own spectrum; "filter" over the whole trial, as others do, for comparison
EXTRA_BLOCKS = []  # "relative_power", "band_power", "dasm", "rasm", "channel_entropy", "band_entropy": behind the 167
SMOOTHING = "none"  # "average:5" or "lds" along a trial, as others do: they use later windows
BASELINE = "cut"  # the rest before a trial (DEAP, DREAMER, MAHNOB); "subtract" takes its vector from the trial's
NORMALISE = "training"  # by the training people; "subject": each person by their own windows, a score then called transductive
N_STEPS = 1  # windows in a row that make one sample; above 1, convolutions and LSTM run over time

# The network. The same names in small letters stand in build_model of src/hyperparameter_tuner.py
INPUT_DROPOUT = 0.2  # hides this share of the features, so that no electrode is relied on
VECTOR_ENTRY = "electrodes"  # each with its bands; "sequence" of all values is 5 times slower
CNN_FILTERS = []  # one number a convolution block; small data often do best with none
KERNEL_SIZES = [3]  # neighbours in a pattern; the last value serves all further blocks
POOLING = ["max"]  # of each block: its strongest answer, or the "average" one
POOL_SIZES = [2]  # how much shorter each block makes the sequence
CNN_DROPOUTS = [0.2]  # behind each block
BATCH_NORM = True  # in every block: steadier with deep networks, noisier in small batches
GLOBAL_POOLING = "flatten"  # all that the blocks leave, where there is no LSTM; or its "average" or "max"
LSTM_UNITS = 0  # memory for the order along the sequence; 0 for no LSTM, the slowest part of all
LSTM_BIDIRECTIONAL = True  # reads from both ends, for twice the time
LSTM_DROPOUT = 0.2  # in front of the LSTM
DENSE_UNITS = [128]  # one number a dense layer; [] without convolutions is logistic regression
DENSE_DROPOUTS = [0.5]  # behind each layer, the best protection where people are few
L2 = 1e-5  # keeps all weights small

# Training
LEARNING_RATE = 0.001  # size of a step; the first thing to tune again after any other change
OPTIMIZER = "adamw"  # "adam", "adamw" or "rmsprop"
WEIGHT_DECAY = 0.3  # of "adamw" alone: pulls weights to 0 however steep the loss is
BATCH_SIZE = 32  # samples a step: smaller means noisier steps, and more of them
LABEL_SMOOTHING = 0.0  # how far targets keep from certainty: labels of feelings err
CLASS_BALANCE = "weights"  # rare emotions count as much as frequent ones; or "batches", "none"
EPOCHS = 50  # at most: PATIENCE ends most runs before
PATIENCE = 10  # epochs without a better score; validation scores are noisy where people are few
PROTOCOL = ""  # by person; by trial where there is one. "loso", "session", "stimulus", "subject+stimulus" ask other questions
INNER_FOLDS = 1  # validation parts that a trial's score is the mean of; 5 is steadier where people are few, and 5 times slower
SEEDS_PER_TRIAL = 1  # trainings of each, with other first weights
METRIC = "balanced_accuracy"  # the mean over emotions, so that always guessing the frequent one earns nothing
SEED = 0  # of the split, the search and the training; another one shows how much is luck

# Files
MODELS_DIR = "models"  # all that is written goes here, inside the project's folder

# What a build_model of your own asks for beyond the constants above, by name: {"activation": "gelu"}
EXTRA_HYPERPARAMETERS = {}
