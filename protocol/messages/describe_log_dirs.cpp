#include "protocol/messages/describe_log_dirs.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::DescribeLogDirsRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::DescribeLogDirsResponse);
