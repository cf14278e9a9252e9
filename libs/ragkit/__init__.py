"""What svc-rag-indexer writes and svc-rag-retriever reads: passages, their vectors, and the index that keeps both."""
