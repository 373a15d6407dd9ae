4
datay"PadImage*
pads0000*
mode"reflect