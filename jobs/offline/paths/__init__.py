"""Ways through a shop: sequences of steps out of sessions in; patterns, contrasts and drop-off out."""
