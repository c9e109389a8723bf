#include "protocol/messages/list_transactions.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::ListTransactionsRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::ListTransactionsResponse);
