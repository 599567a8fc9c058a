"""What a file of segments may say, how it is read, and the cut-offs of RFM."""
