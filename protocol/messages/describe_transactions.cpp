#include "protocol/messages/describe_transactions.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::DescribeTransactionsRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::DescribeTransactionsResponse);
