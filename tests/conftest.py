"""What every test shares: one thread, Hypothesis' profile, one browser."""

import os

# Before NumPy and PyTorch start their pools: two of them spin against each other.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import pytest
from chromium import chromium
from hypothesis import HealthCheck, settings

# A shared machine is slow without warning: no deadline, no complaint about time.
QUIET = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("local", **QUIET)
settings.register_profile("ci", derandomize=True, **QUIET)
settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_addoption(parser):
    parser.addoption(
        "--cases",
        type=int,
        default=300,
        help="how many generated calls of each operation PyTorch judges",
    )


def pytest_configure(config):
    os.environ["CNNREF_CASES"] = str(config.getoption("cases"))


@pytest.fixture(scope="session")
def browser():
    """Chromium; where it is missing, every test that needs it fails and says so."""
    with chromium() as browser:
        yield browser
