# The translation units of Caffe2 that inference of ConvNets needs. An operator is its .cc file: the
# kernel, the schema and the cost inference are registered there.

# caffe2_sources(VARIABLE FOLDER EXTENSION NAME...): appends FOLDER/NAME.EXTENSION.
function(caffe2_sources variable folder extension)
  set(files ${${variable}})
  foreach(name IN LISTS ARGN)
    list(APPEND files ${CAFFE2_SOURCE}/${folder}/${name}.${extension})
  endforeach()
  set(${variable} ${files} PARENT_SCOPE)
endfunction()

# c10: tensors, allocator, types. CPUAllocator needs mobile/ on every machine.
caffe2_sources(CORE_SOURCES c10/core cpp
  Allocator AutogradState CPUAllocator CopyBytes DefaultDtype DeviceType DispatchKey InferenceMode
  SymFloat SymInt SymIntArrayRef SymIntNodeImpl TensorImpl UndefinedTensorImpl WrapDimMinimal
  impl/LocalDispatchKeySet impl/SizesAndStrides impl/TorchDispatchModeTLS impl/alloc_cpu thread_pool)
caffe2_sources(CORE_SOURCES c10/mobile cpp CPUCachingAllocator CPUProfilingAllocator)
caffe2_sources(CORE_SOURCES c10/util cpp
  Backtrace Exception Logging SmallVector StringUtil ThreadLocalDebugInfo UniqueVoidPtr Type_demangle
  flags_use_no_gflags numa thread_name typeid)

# Workspace, the net types "simple", "async_scheduling" and "dag", serialization.
caffe2_sources(CORE_SOURCES caffe2/core cc
  blob_serialization blob_stats common context context_base event init init_denormals net
  net_async_base net_async_scheduling net_async_tracing net_dag_utils net_simple operator
  operator_schema plan_executor prof_dag_counters tensor types workspace)
caffe2_sources(CORE_SOURCES caffe2/utils cc
  math/broadcast math/transpose math/utils proto_utils string_utils threadpool/ThreadPool)

caffe2_sources(OPERATOR_SOURCES caffe2/operators cc
  conv_op conv_op_shared conv_op_eigen conv_transpose_op fully_connected_op fc_inference
  pool_op pool_op_util local_response_normalization_op spatial_batch_norm_op dropout_op
  relu_op leaky_relu_op prelu_op sigmoid_op tanh_op clip_op softmax_op softmax_utils
  concat_split_op channel_shuffle_op flatten_op reshape_op transpose_op expand_squeeze_dims_op
  pad_op copy_op
  elementwise_sum_op elementwise_add_op elementwise_sub_op elementwise_mul_op elementwise_div_op
  elementwise_ops elementwise_ops_utils elementwise_ops_schema
  filler_op given_tensor_fill_op)
# What users' networks have and the zoo's do not, or not yet.
caffe2_sources(OPERATOR_SOURCES caffe2/operators cc
  instance_norm_op affine_channel_op elu_op hard_sigmoid_op softplus_op softsign_op swish_op
  abs_op exp_op log_op negative_op reciprocal_op sqr_op sqrt_op floor_op ceil_op pow_op
  minmax_ops mean_op reduce_ops matmul_op batch_matmul_op
  cast_op expand_op tile_op gather_op slice_op resize_op upsample_op order_switch_ops)
# Convolution engine DEPTHWISE_3x3.
caffe2_sources(OPERATOR_SOURCES caffe2/share/contrib/depthwise cc depthwise3x3_conv_op)

# The only files that read CAFFE2_USE_EIGEN_FOR_BLAS: compiled once for each back-end.
caffe2_sources(MATH_SOURCES caffe2/utils cc math_cpu math/elementwise math/reduce)

# Do not survive being merged with other files into one translation unit.
caffe2_sources(SOLO_SOURCES caffe2/operators cc softmax_utils)
