"""Search for the best hyperparameters: python run_hyperparameter_tuning.py --help."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "src"))

from emotune.cli.tune import main  # noqa: E402  the path comes first

if __name__ == "__main__":
    sys.exit(main(root=ROOT))
