// Sizes and times of the connection machinery that have no configuration key.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/clock.h"

namespace vmq::broker {

/// One read takes at most this much; a shard has one buffer of this size for all its connections.
inline constexpr std::size_t kReadBufferSize = 256 * 1024;
/// A connection whose output reaches this is written at once; while its socket is full, messages
/// wait in its queue and the client is not read from.
inline constexpr std::size_t kOutputHighWater = 256 * 1024;
/// Output buffers kept for reuse, and the largest that is.
inline constexpr std::size_t kSpareOutputs = 256;
inline constexpr std::size_t kSpareOutputSize = 512 * 1024;
/// Largest CONNECT, so that a client nobody knows yet cannot make the broker buffer much.
inline constexpr std::uint32_t kMaxConnectSize = 1024 * 1024;
/// How long the last packet may take to leave, and the peer to close after it.
inline constexpr Millis kCloseTimeout{2000};
/// How long a turn goes on with TLS handshakes before everybody else is served again.
inline constexpr std::chrono::microseconds kHandshakeSlice{2000};
/// A listener with too many handshakes under way accepts nobody for so long.
inline constexpr Millis kAcceptPause{20};
/// How long a turn checks whether subscriptions are still allowed.
inline constexpr std::chrono::microseconds kRightsSlice{1000};
/// Sessions per shard and check whose loss is logged one by one.
inline constexpr std::size_t kRightsLogged = 50;
/// Most messages one client is sent from its queue in one go before others have their turn.
inline constexpr int kPumpBudget = 1000;
/// Work that a shard does for operators' queries at the end of a turn, all of them together, before
/// it serves clients again.
inline constexpr std::chrono::microseconds kWalkSlice{250};
/// Queries that a shard works at; more are refused.
inline constexpr std::size_t kMaxWalks = 32;
/// Sessions, subscriptions of one client, and messages of one queue looked at in one go.
inline constexpr std::size_t kSessionsAtOnce = 1000;
inline constexpr std::size_t kSubscriptionsAtOnce = 250;
inline constexpr std::size_t kMessagesAtOnce = 500;
/// Retained messages shown to operators in one go.
inline constexpr std::size_t kRetainedAtOnce = 500;
/// Mountpoints in which a shard looks for a client id one by one.
inline constexpr std::size_t kMountpointsAtOnce = 1000;
/// Longest topic, client id or mountpoint: what two bytes of length can say.
inline constexpr std::size_t kMaxNameSize = 65'535;
/// Retained messages fetched from the index at a time.
inline constexpr std::size_t kRetainedBatch = 64;
/// What such a look-up costs of the pump budget, found something or not.
inline constexpr int kRetainedLookupCost = 20;
/// How often expired retained messages are cleared away unless expire_retain_cache says it.
inline constexpr Seconds kRetainedSweepInterval{10};
/// Expired retained messages cleared away at a time.
inline constexpr std::size_t kRetainedSweep = 1000;
/// Packets in flight are looked at for a retry at most this often.
inline constexpr Millis kRetryResolution{1000};
/// How many members of a shared group are asked before a message is given up: with everybody's
/// queue full each message would otherwise ask all of them.
inline constexpr unsigned kSharedAttempts = 64;
/// How often a message for a shared group goes on to yet another node, because the one it came to
/// has no member that could take it.
inline constexpr std::uint8_t kMostGroupHops = 2;
/// Instead of a number of nodes: a session has given it away, and takes it back where no member has
/// room (one more).
inline constexpr std::uint8_t kGivenAwayHops = 3;
/// Lines that one shard writes about closed connections in a second; a storm is summed up.
inline constexpr std::uint32_t kCloseLogsPerSecond = 50;
/// The same of clients that come and go by themselves.
inline constexpr std::uint32_t kConnectionLogsPerSecond = 5000;
/// How long a write may wait for being taken back: the time in which a client acknowledges what it
/// was sent, and the longest by which it delays its publisher's acknowledgement.
inline constexpr Millis kLazyWriteDelay{5};
inline constexpr std::size_t kMostLazyWrites = 10'000;
/// The log is warned when a queue has so many hundredths of what it may hold, and again when it has
/// had fewer than the second in between. Queues that may hold less than the third are not watched.
inline constexpr std::int64_t kQueueHighWater = 80;
inline constexpr std::int64_t kQueueLowWater = 50;
inline constexpr std::int64_t kLeastWatchedQueue = 10;
/// Such lines of a shard between two reports; the others are counted in the next one.
inline constexpr std::uint32_t kWatermarkLogs = 20;
/// The same warning is repeated at most this often, for dropped messages with what came meanwhile.
inline constexpr Seconds kReportInterval{10};

/// Room for other nodes that shards leave unless their number is configured; a node needs two while
/// it tells its filters anew.
inline constexpr std::uint32_t kNodesBeside = 24;
/// Bytes that wait on a link to another node at most; more messages wait in front of it.
inline constexpr std::size_t kNodeLinkBuffer = 256 * 1024;
/// Connections of one client id that wait at once for other nodes to let go of it.
inline constexpr std::size_t kRegistrationsPerClient = 16;
/// How often a registration is tried that another one has overtaken.
inline constexpr std::uint32_t kRegistrationAttempts = 10;
/// How long a client waits for its session from another node.
inline constexpr Millis kMoveLimit{10'000};
/// And without anything of it coming, though the other node is there.
inline constexpr Millis kMoveSilence{4'000};
/// Registrations of a shard that are remembered for nodes that are away, and told in one go.
inline constexpr std::size_t kMostClaims = 1'000'000;
inline constexpr std::size_t kClaimsAtOnce = 1000;
/// Messages and bytes of a moving session sent in one go.
inline constexpr std::size_t kMovedAtOnce = 1000;
inline constexpr std::size_t kBytesMovedAtOnce = 128 * 1024;
/// For what other nodes have sent to arrive here, see ClusterPort::fence().
inline constexpr Millis kFenceLimit{6000};
/// After so long without an answer what was sent of a session is sent again.
inline constexpr Millis kMoveResend{1000};
/// Sequences left free at the new owner for what still comes to the old one.
inline constexpr std::uint64_t kMoveGap = 1U << 24U;
/// Messages of a moved session that are known again when they come another way, and for how long
/// after its arrival.
inline constexpr std::size_t kMostOrigins = 100'000;
inline constexpr Millis kOriginsKept{10'000};
/// Filters of sessions that have gone to another node and after which messages are sent.
inline constexpr std::size_t kMostLateFilters = 200'000;
/// How often is asked whether the nodes from which such may come have been heard.
inline constexpr Millis kLateLook{1000};
/// What a shard remembers of messages that have come to sessions which such may still come to, for
/// all of these sessions, and of one when it moves on; and for how long.
inline constexpr std::size_t kMostLateOrigins = 1'000'000;
inline constexpr std::size_t kMostLateStreams = 1000;
inline constexpr std::size_t kMostLateOwners = 16;
inline constexpr std::chrono::hours kLateOriginsKept{24};
/// Sessions of a shard that leave at once when the node leaves the cluster, and after how long an
/// offer of one that has come to nothing is repeated.
inline constexpr std::size_t kOffersAtOnce = 64;
inline constexpr Millis kOfferAgain{3000};
/// How often it is looked whether wills of an earlier process need not wait any more.
inline constexpr Millis kHeldWills{200};
/// Bytes of wills of other nodes' clients that a node knows at most.
inline constexpr std::size_t kMostWillBytes = 64U << 20U;
/// Who may watch one node leave at the same time.
inline constexpr std::size_t kMostLeaveWatches = 16;
/// Messages of one shard of another node that are not safe yet, from which on it is not read.
inline constexpr std::size_t kMostUnsettled = 50'000;

/// What clients are told that may not do something while members of the cluster are away.
inline constexpr std::string_view kClusterNotComplete =
    "the cluster is not complete: try again later";

/// The same of a message that another node of the cluster would not take.
inline constexpr std::string_view kTooLargeForNode =
    "the message is larger than another node of the cluster takes";

}  // namespace vmq::broker
