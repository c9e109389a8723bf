#include "protocol/messages/unregister_broker.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::UnregisterBrokerRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::UnregisterBrokerResponse);
