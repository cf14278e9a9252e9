"""Provide the parts that the services around OCR share: kinds of files, pictures, tesseract, words.

Importing this package imports nothing heavy: svc-ocr-gateway only needs the kinds of files.
"""
