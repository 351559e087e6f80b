// The table `sessions`: VerneMQ's fields of sessions, their subscriptions and queued messages.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "admin/query/row_source.h"
#include "broker/inspect.h"

namespace vmq::admin::query {

/// How long a shard may take for its next rows unless ROWTIMEOUT says otherwise.
inline constexpr Millis kRowTimeout{1000};

/// One row per session, and per subscription and queued message of it if fields of these are asked
/// for; sessions without any have no row then. A client id is answered without looking at others.
///
/// Used by one thread, which is no shard's. `broker` has been started and outlives it.
class SessionTable final : public RowSource {
public:
    SessionTable(const broker::Broker& broker, std::string node);

    [[nodiscard]] static std::span<const Field> all_fields() noexcept;

    [[nodiscard]] std::string_view name() const noexcept override { return "sessions"; }
    [[nodiscard]] std::span<const Field> fields() const noexcept override { return all_fields(); }
    [[nodiscard]] std::vector<std::string> scan(const Statement& statement,
                                                Selection& selection) override;

private:
    const broker::Broker& broker_;
    const std::string node_;
};

}  // namespace vmq::admin::query
