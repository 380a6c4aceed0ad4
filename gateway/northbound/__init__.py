"""The way to the city: MQTT stands here and in the demo, nowhere else."""
