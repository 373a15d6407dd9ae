5
datay"MaxPool*
global_pooling*
order"NHWC