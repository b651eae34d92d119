"""Measurements: one file per question, through the public interface alone.

    python -m benchmarks detect|effect|decode|pipeline|scale|leak [--device cuda:0] [-o FILE]
    python -m benchmarks report

| file | what |
|---|---|
| `detect`, `effect`, `decode` | what one part costs, `pipeline` what a whole run costs |
| `scale` | memory and time over length, `--jobs` and people; `leak`: what still shows |
| `attack`, `hiding` | what an attacker gets out of hidden people, beside other tools |
| `harness`, `provenance`, `schema` | rounds; what figures depend on; what a result must hold |
| `clips`, `footage`, `peers`, `programs/` | what is measured, and beside whom |
| `counting`, `ceilings`, `networks` | the roofline: work of a graph, limits of the machine |
| `tables`, `plots`, `report` | from results to what README.md shows |
"""
