"""Provide the index that svc-rag-indexer writes and svc-rag-retriever reads.

The index keeps passages and their vectors.
"""
