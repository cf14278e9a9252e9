"""Tell which texts are secrets, and keep them out of everything that is shown, stored or built."""
