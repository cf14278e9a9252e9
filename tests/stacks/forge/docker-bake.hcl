# A repository that bake builds: functions, inheritance, a matrix and linked targets.
variable "TAG" {
  default = "latest"
}

function "tags" {
  params = [name]
  result = ["acme/${name}:${TAG}", "ghcr.io/acme/${name}"]
}

group "default" {
  targets = ["anvil", "tools", "python"]
}

target "_common" {
  args = { SMITH = "Wayland" }
}

target "anvil" {
  inherits = ["_common"]
  context  = "anvil"
  tags     = tags("anvil")
}

target "tools" {
  inherits   = ["_common"]
  context    = "tools"
  dockerfile = "../tools/Dockerfile.tools"
  target     = "sharp"
  tags       = tags("toolbox")
  contexts   = { anvil = "target:anvil", handles = "handles" }
}

target "python" {
  name    = "python-${replace(version, ".", "-")}"
  matrix  = { version = ["3.12", "3.13"] }
  context = "python"
  args    = { PYTHON = version }
  tags    = tags("python-${replace(version, ".", "-")}")
}
