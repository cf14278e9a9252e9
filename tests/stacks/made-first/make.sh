mkdir -p dist
sed s/^/wheel:/ src/app.txt > dist/app-1.0-py3-none-any.whl
sed s/^/notes:/ src/app.txt > dist/notes.txt
