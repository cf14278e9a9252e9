ARG PYTHON_IMAGE=python:3.12-slim
FROM ${PYTHON_IMAGE}
COPY libs/stone.txt /stone.txt
RUN cat /stone.txt && grep whole /stone.txt
