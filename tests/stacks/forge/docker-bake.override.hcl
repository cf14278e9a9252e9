target "_common" {
  args = { SMITH = "Hephaestus", YEAR = "2026" }
}
