#include "protocol/messages/fetch.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::FetchRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::FetchResponse);
