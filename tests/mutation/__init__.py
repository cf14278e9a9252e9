"""Mutation testing of the pure modules: ``mutants`` makes them, ``__main__`` lets the tests find them."""
