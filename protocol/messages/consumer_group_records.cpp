#include "protocol/messages/consumer_group_records.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::ConsumerGroupMetadataKey);
MILLRACE_MESSAGE_CODEC(millrace::protocol::ConsumerGroupMetadataValue);
MILLRACE_MESSAGE_CODEC(millrace::protocol::ConsumerGroupPartitionMetadataKey);
MILLRACE_MESSAGE_CODEC(millrace::protocol::ConsumerGroupPartitionMetadataValue);
MILLRACE_MESSAGE_CODEC(millrace::protocol::ConsumerGroupMemberMetadataKey);
MILLRACE_MESSAGE_CODEC(millrace::protocol::ConsumerGroupMemberMetadataValue);
MILLRACE_MESSAGE_CODEC(millrace::protocol::ConsumerGroupTargetAssignmentMetadataKey);
MILLRACE_MESSAGE_CODEC(millrace::protocol::ConsumerGroupTargetAssignmentMetadataValue);
MILLRACE_MESSAGE_CODEC(millrace::protocol::ConsumerGroupTargetAssignmentMemberKey);
MILLRACE_MESSAGE_CODEC(millrace::protocol::ConsumerGroupTargetAssignmentMemberValue);
MILLRACE_MESSAGE_CODEC(millrace::protocol::ConsumerGroupCurrentMemberAssignmentKey);
MILLRACE_MESSAGE_CODEC(millrace::protocol::ConsumerGroupCurrentMemberAssignmentValue);
MILLRACE_MESSAGE_CODEC(millrace::protocol::ConsumerGroupRegularExpressionKey);
MILLRACE_MESSAGE_CODEC(millrace::protocol::ConsumerGroupRegularExpressionValue);
