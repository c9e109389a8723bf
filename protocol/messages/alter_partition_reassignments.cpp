#include "protocol/messages/alter_partition_reassignments.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::AlterPartitionReassignmentsRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::AlterPartitionReassignmentsResponse);
