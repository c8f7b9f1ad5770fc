"""``python -m cnnref verify``: compare the package with the installed PyTorch."""

import sys


def main(arguments=None):
    """Run the command, and return its exit status."""
    try:
        from cnnref.verify.command import main as verify
    except ModuleNotFoundError as error:
        print(
            f"cnnref: {error.name} is missing: pip install 'cnnref[verify]'",
            file=sys.stderr,
        )
        return 2
    return verify(arguments)


if __name__ == "__main__":
    sys.exit(main())
