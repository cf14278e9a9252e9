# For services that sell.
ARG REGISTRY=localhost:5000
ARG OWNER=slipway
ARG BASE_VERSION=v1
FROM ${REGISTRY}/${OWNER}/base-floor:${BASE_VERSION}
COPY libs/counter /counter
