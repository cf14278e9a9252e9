for variant in cpu cuda; do
    docker build -t acme/asr:latest-$variant -f asr/Dockerfile.$variant asr
done
for name in ad cart; do
    docker build -t acme/demo:latest-$name -f src/$name/Dockerfile .
done
docker build -t acme/k8s-hub images/hub
