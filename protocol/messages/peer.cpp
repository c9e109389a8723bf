#include "protocol/messages/peer.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::PeerRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::PeerResponse);
