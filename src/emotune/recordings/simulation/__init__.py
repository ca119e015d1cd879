"""How the simulated recordings come about: a head, a person, artefacts, and one trial of it all."""
