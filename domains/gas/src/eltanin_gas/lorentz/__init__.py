"""A Lorentz gas: particles of one speed among fixed scatterers, small enough to know its closure.

``d_t f + mu d_x f = ((1/2) int f dmu - f) / tau`` for f(x, t, mu), mu the direction cosine, speed 1.
Its moments density ``n = int f``, current ``j = int mu f`` obey

    d_t n + d_x j = 0,    d_t j + d_x (n chi) = -j / tau,

and chi, the closing flux over n, is what a closure has to know.
"""
