"""cnnref: the mathematics of convolutional networks, as NumPy code.

    geometry      sizes: how many windows fit
    windows       the windows of an array, and the adjoint of taking them
    conv          convolution and transposed convolution, with gradients
    functional    all operations under torch.nn.functional's names

Beside these, imported by none of them: ``symbolic`` (SymPy) runs the same code on
symbols, ``verify`` (PyTorch) compares it, ``show`` prints it.
"""

from cnnref import functional, geometry, windows

__all__ = ["functional", "geometry", "windows"]
__version__ = "0.1.0"
