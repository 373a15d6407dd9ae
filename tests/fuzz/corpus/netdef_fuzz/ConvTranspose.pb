B
data
w
by"ConvTranspose*
kernels00*
adj*

stride