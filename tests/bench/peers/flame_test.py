"""What perf prints becomes the right stacks."""

import unittest

import flame

SCRIPT = """millrace
\t        5581 copy_folio+0x10 ([kernel.kallsyms])
\t      7ffe12 millrace::broker::Shard::write(std::span<int>, bool)+0x4 (/usr/bin/millrace)
\t        1234 main (/usr/bin/millrace)

millrace
\t        5599 copy_folio+0x99 ([kernel.kallsyms])
\t      7ffe12 millrace::broker::Shard::write(std::span<int>, bool)+0x4 (/usr/bin/millrace)
\t        1234 main (/usr/bin/millrace)

disk 1
\t        99ff (anonymous namespace)::work<int>()+0x1 (/usr/bin/millrace)

"""
STACK = ("millrace", "main", "millrace::broker::Shard::write", "copy_folio")


class Flame(unittest.TestCase):
    def test_equal_stacks_are_counted_together(self) -> None:
        self.assertEqual(flame.fold(SCRIPT), {STACK: 2, ("disk", "work"): 1})

    def test_the_innermost_functions_are_the_hottest(self) -> None:
        self.assertEqual(flame.hottest(flame.fold(SCRIPT)), [(2 / 3, "copy_folio"), (1 / 3, "work")])

    def test_a_function_is_as_wide_as_its_samples(self) -> None:
        picture = flame.svg(flame.fold(SCRIPT), "a row")
        self.assertIn("<title>copy_folio: 66.7 %</title>", picture)
        self.assertIn(f'width="{flame.WIDTH * 2 / 3:.1f}"', picture)

    def test_a_function_without_a_name_is_kept(self) -> None:
        self.assertEqual(flame.short("<lambda>"), "<lambda>")


if __name__ == "__main__":
    unittest.main()
