// The table `retain_srv`: retained messages.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "admin/query/row_source.h"
#include "broker/inspect.h"

namespace vmq::admin::query {

/// One row per retained message, by topic. `topic = "a/#"` finds what the filter matches, because
/// no topic has a wildcard. Of the mountpoint "" alone unless the statement looks at mountpoints.
///
/// Used by one thread, which is no shard's. `broker` has been started and outlives it.
class RetainedTable final : public RowSource {
public:
    explicit RetainedTable(const broker::Broker& broker) : broker_(broker) {}

    [[nodiscard]] static std::span<const Field> all_fields() noexcept;

    [[nodiscard]] std::string_view name() const noexcept override { return "retain_srv"; }
    [[nodiscard]] std::span<const Field> fields() const noexcept override { return all_fields(); }
    [[nodiscard]] std::vector<std::string> scan(const Statement& statement,
                                                Selection& selection) override;

private:
    const broker::Broker& broker_;
};

}  // namespace vmq::admin::query
