// Sizes and times of the HTTP server and the control socket that have no configuration key.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace vmq::admin {

/// Connections of all HTTP listeners together; one too many is closed at once and counted.
inline constexpr std::uint32_t kMaxHttpConnections = 100;
/// How long a request may be on its way while others find no room; then it has to go.
inline constexpr Seconds kHttpPatience{1};
/// So many connections of one address are nobody's business. If there is no room, who has more
/// gives some back.
inline constexpr std::size_t kFairHttpConnections = 8;
/// Others leave each listener at least so many, or its part of all if that is more.
inline constexpr std::uint32_t kMinHttpConnectionsOfListener = 4;
/// Commands of the API that run at a time, those and the ones that wait for their turn or whose
/// answer is on its way.
inline constexpr std::size_t kApiThreads = 4;
inline constexpr std::size_t kMaxApiRequests = 16;
/// Checks of keys that are hashed slowly, with the one that is done: in all, and of one address.
inline constexpr std::size_t kMaxKeyChecks = 16;
inline constexpr std::size_t kMaxKeyChecksOfAddress = 2;
/// Body of a request.
inline constexpr std::size_t kMaxHttpBody = 64 * 1024;
/// All header lines of a request together, without the request line.
inline constexpr std::uint32_t kMaxHeaderSize = 16 * 1024;
/// Bound of max_request_line_length.
inline constexpr std::uint32_t kMaxRequestLine = 64 * 1024;
/// For a request to arrive as a whole, also after an earlier one, and for a response to leave.
inline constexpr Seconds kHttpTimeout{10};
/// For a client to close after it has been told that we do, and how much it may send until then.
inline constexpr Seconds kHttpLinger{2};
inline constexpr std::size_t kMaxLingerBytes = std::size_t{1024} * 1024;
/// API keys there can be, and how long one can be.
inline constexpr std::size_t kMaxApiKeys = 1000;
/// Of those that were deleted lately, the newest.
inline constexpr std::size_t kMaxDeletedApiKeys = 4096;
inline constexpr std::size_t kMaxApiKeyLength = 256;
/// Keys whose slow hash is remembered, of those that are good and of those that are not.
inline constexpr std::size_t kMaxRememberedKeys = 1000;
/// A good one is, so long after its last use.
inline constexpr Millis kRememberKey = std::chrono::minutes(10);
/// Those who speak to the control socket at a time; one too many is closed at once.
inline constexpr std::size_t kMaxControlConnections = 32;
/// Commands that run at a time; others wait for their turn.
inline constexpr std::size_t kControlThreads = 4;
/// For a request to arrive as a whole, and for an answer to be taken.
inline constexpr Seconds kControlRequestTimeout{10};
inline constexpr Seconds kControlAnswerTimeout{60};
/// Alarms tell of a certificate this long before it expires.
inline constexpr std::chrono::days kCertificateWarning{30};
/// How often an answer that goes on is asked for more.
inline constexpr Millis kStreamInterval{25};
/// Before accepting again when the system has no descriptor left.
inline constexpr Millis kAcceptRetry{200};

}  // namespace vmq::admin
