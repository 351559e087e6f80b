// The table `drops`: messages that were not delivered, by reason, client and topic prefix.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "admin/query/row_source.h"
#include "broker/inspect.h"

namespace vmq::admin::query {

/// One row per reason with the total (`by` = "reason"), and rows of the clients and topic prefixes
/// with the most messages ("client", "topic"). Totals are exact; of a client's or prefix's messages
/// up to `excess` may be others'.
///
/// Used by one thread, which is no shard's. `broker` has been started and outlives it.
class DropTable final : public RowSource {
public:
    explicit DropTable(const broker::Broker& broker) : broker_(broker) {}

    [[nodiscard]] static std::span<const Field> all_fields() noexcept;

    [[nodiscard]] std::string_view name() const noexcept override { return "drops"; }
    [[nodiscard]] std::span<const Field> fields() const noexcept override { return all_fields(); }
    [[nodiscard]] std::vector<std::string> scan(const Statement& statement,
                                                Selection& selection) override;

private:
    const broker::Broker& broker_;
};

}  // namespace vmq::admin::query
