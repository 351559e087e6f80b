// Dropped messages as the log tells of them: at once when they begin, then summed up, and to the
// end.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "hooks/contexts.h"

namespace vmq::broker {

/// Counts per client, for at most kMaxClients of them; the rest is counted together. Owned by a
/// shard, reads no clock.
class DropLog final {
public:
    static constexpr std::size_t kMaxClients = 1000;
    /// Lines of one take_due(); more clients are summed up in another one.
    static constexpr std::size_t kMaxLines = 20;

    struct Report {
        std::string client_id;  // empty: several clients
        std::uint64_t messages = 0;
        std::uint64_t clients = 1;
        hooks::DropReason reason = hooks::DropReason::QueueFull;  // of the last one
    };

    /// Counts one message. The first of a client in a while is reported at once.
    [[nodiscard]] std::optional<Report> add(ClientNumber client, std::string_view client_id,
                                            hooks::DropReason reason);

    /// What was dropped since it was last said. Clients that have not dropped anything since are
    /// forgotten. Called every kReportInterval while active().
    [[nodiscard]] std::vector<Report> take_due();

    [[nodiscard]] bool active() const noexcept { return !clients_.empty() || others_.messages > 0; }

private:
    boost::unordered_flat_map<ClientNumber, Report> clients_;
    Report others_{"", 0, 0};  // of clients that are not named
};

}  // namespace vmq::broker
