FROM alpine:3.20
COPY dist/*.whl /wheels/
RUN ls /wheels > /installed.txt
