"""Files of instruments, read into records: one module a format, one module to choose between them.

=================  ====================================  ==========================================
format             files                                 needs
=================  ====================================  ==========================================
``gamry``          ``.DTA`` of Gamry Framework
``biologic_text``  ``.mpt`` of EC-Lab and BT-Lab
``biologic``       ``.mpr`` of EC-Lab                    ``pip install 'anodebayes[biologic]'``
``arbin``          ``.csv`` and ``.xlsx`` of Arbin       ``.xlsx``: ``anodebayes[arbin]``
``arbin_res``      ``.res`` of Arbin                     ``pip install 'anodebayes[arbin]'``
``plain``          ``.csv``: BDF and ``quantity [unit]``
=================  ====================================  ==========================================

Any of them may be compressed with gzip. `data.instruments.record` says what a record is,
`data.instruments.reading` reads one. `data.instruments.spectrum` reads impedance spectra,
`data.instruments.witnesses` what else a file tells of time and charge, and `data.instruments.bdf`
writes any record in the Battery Data Format.
"""
