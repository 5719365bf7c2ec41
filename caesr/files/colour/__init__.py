"""What the numbers of a picture file mean: channels, profiles, and colours that are described otherwise."""
