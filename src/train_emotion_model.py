"""Train the final model: python src/train_emotion_model.py --help."""

import sys
from pathlib import Path

from emotune.cli.retrain import main

ROOT = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    sys.exit(main(root=ROOT))
