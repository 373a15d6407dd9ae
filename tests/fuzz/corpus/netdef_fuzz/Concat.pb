3
data
wysplit"Concat*
axis*
add_axis