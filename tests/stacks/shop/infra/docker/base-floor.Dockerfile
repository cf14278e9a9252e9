# What everything in the shop stands on.
ARG PYTHON_IMAGE=python:3.12-slim
FROM ${PYTHON_IMAGE}
COPY libs/floor.txt /floor.txt
RUN mkdir /shop
