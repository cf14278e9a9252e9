variable "TAG" {
  default = "latest"
}

function "image" {
  params = [name]
  result = ["acme/${name}:${TAG}"]
}

group "default" {
  targets = ["base", "app", "tool"]
}

target "common" {
  args = {
    CHANNEL = "stable"
  }
}

target "base" {
  context = "base"
  tags    = image("base")
}

target "app" {
  inherits   = ["common"]
  context    = "."
  dockerfile = "app/Dockerfile"
  target     = "runtime"
  contexts = {
    base = "target:base"
    lib  = "lib"
  }
  args = {
    LEVEL = "2"
  }
  tags = image("app")
}

target "tool" {
  name       = "tool-${flavour}"
  inherits   = ["common"]
  matrix     = { flavour = ["small", "large"] }
  context    = "tool"
  dockerfile = "Dockerfile.${flavour}"
  tags       = image("tool-${flavour}")
}
