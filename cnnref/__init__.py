"""cnnref: the mathematics of convolutional networks, as NumPy code.

    functional    all operations under torch.nn.functional's names, with gradients
    layers        the same as layers with parameters, under torch.nn's names
    optim, init   optimizers and initial weights
    geometry      sizes: how many windows fit
    windows       the windows of an array, and the adjoint of taking them

These need NumPy alone.  `cnnref.train` (tqdm), `cnnref.checkpoint` (safetensors) and
`cnnref.data` (scikit-learn) are imported by name, and so are three rooms beside all of
them: ``symbolic`` (SymPy) runs the same code on symbols, ``verify`` (PyTorch) compares
it, ``show`` prints it.
"""

from cnnref import functional, geometry, init, layers, optim, windows

__all__ = ["functional", "geometry", "init", "layers", "optim", "windows"]
__version__ = "0.1.0"
