"""Studies of many fits: simulation, recovery, overlays, calibration, comparison."""
