"""The longer run of S0's network, short: what it prints, and what it leaves behind."""

import os
import re
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[1] / "book/keras_example.py"


def test_the_longer_run_compares_and_leaves_no_file_in_the_home(tmp_path):
    options = ["--examples", "40", "--unseen", "8", "--epochs", "1"]
    environment = {k: v for k, v in os.environ.items() if k != "KERAS_HOME"}
    done = subprocess.run(
        [sys.executable, EXAMPLE, *options],
        env=environment | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    header, epoch = done.stdout.splitlines()
    assert header.endswith("how many of 8 are read right")
    found = re.findall(r"(Keras|PyTorch|PyTorch, ε̂|cnnref) (0\.\d{7}) ([0-8])\b", epoch)
    losses = {name: (float(loss), right) for name, loss, right in found}
    assert losses["Keras"] == losses["PyTorch, ε̂"] != losses["PyTorch"]
    assert losses["PyTorch"] == losses["cnnref"]
    assert not [*tmp_path.glob("**/keras.json")]
