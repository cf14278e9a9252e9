"""What a vector is here, for all who pass vectors on and do not make them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Rows are passages, columns the dimensions; every row has length 1, so a dot product is a cosine.
Vectors = NDArray[np.float32]

#: Of all-MiniLM-L6-v2.
DIMENSIONS = 384
