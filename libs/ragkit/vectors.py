"""Define the type of vectors, for modules that pass vectors on and do not compute them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Rows are passages, columns are dimensions. Every row has length 1, so that a dot product is a cosine.
Vectors = NDArray[np.float32]

#: The size of a vector of all-MiniLM-L6-v2.
DIMENSIONS = 384
