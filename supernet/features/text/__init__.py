"""From item texts to vectors: cleaning, encoders, a cache, scaling, and a probe of what they know."""
