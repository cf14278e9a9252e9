docker build -t acme/kit kit
docker build -t acme/app --build-context lib=lib/src --build-context base=docker-image://alpine:3.20 \
    --build-context kit=docker-image://acme/kit:latest app
